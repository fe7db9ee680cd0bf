"""Parts of a complete run of the tests: the machine's needs, its speed, order, times, second tries."""
