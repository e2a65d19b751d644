"""The verdict, the evidence, and the pages that show them."""
