"""What alignment is good for: inference and questions, taught in English, tested in every language."""
