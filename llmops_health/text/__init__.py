"""What is read out of text: vectors, behaviour, redaction. No tables, no statistics."""
