"""What belongs to a whole run of the tests: what the machine has, its speed, order, times, second tries."""
