"""What came out: measures of the space, links against gold, statistics, the report's tables, figures."""
