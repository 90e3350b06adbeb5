"""Checks any program that says it speaks trainer/1: ``python -m meshnode_trainer.conformance COMMAND…``."""
