"""What came out: measures of the space, intervals and contests, figures."""
