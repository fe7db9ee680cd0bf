"""What can be wrong with a stack that runs, one topic a file: values in, findings out, by component."""
