"""From the records in ``results/`` to the published site; needs no model stack and imports none of ``runners``."""
