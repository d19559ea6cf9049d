"""The built-in kinds of connector. They are strangers to one another; `connectors.registry` lists them."""
