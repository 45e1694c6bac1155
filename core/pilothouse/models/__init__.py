"""What a model file is: its signature and the formats it comes in. No database, no other room."""
