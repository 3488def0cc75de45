"""Commands that are more than a call: from the texts of the command line to what they print and write."""
