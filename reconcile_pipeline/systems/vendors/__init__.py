"""Vendors: the systems that know how much of a service is really used."""
