"""Reconcile what an MSP's customers are invoiced for with what vendors say they really use."""

__version__ = "0.1.0"
