"""一人一档/一企一档: what persons and organisations typed once and let us keep for their next forms."""
