"""Fitting the models that ship with newsloom, anew or on other data: `newsloom train`."""
