"""The simulated vendors: what each shows of its accounts and of what they use."""
