"""Pages for people: plain HTML made here, that works without script and loads nothing from elsewhere."""
