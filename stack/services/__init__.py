"""The services of the reference stack; those in Python are packages here."""
