"""One YAML file, one folder: settings, runs, plan, command line."""
