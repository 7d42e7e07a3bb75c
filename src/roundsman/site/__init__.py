"""The site: maps, walks, elements and docks, as robots recorded them and people edit them."""
