"""The worker of Whetstone's second engine. It knows token ids, weights and log-probs; no text, files of data or methods."""

__version__ = "0.1.0"
