"""Work orders in another system, made of anomalies: settings, templates, sending, synchronisation, a health log."""
