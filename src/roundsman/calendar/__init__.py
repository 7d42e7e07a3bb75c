"""When which robot is to walk which site walk: schedules, their blackouts, and orders for now."""
