"""Git and forge records to documents to engine; query language; ranking."""
