"""Feature stores: what one holds, training sets made of it, and bringing its values online."""
