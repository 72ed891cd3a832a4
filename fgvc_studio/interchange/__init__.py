"""Files of the field: sniffing, previews and readers of image folders and tables."""
