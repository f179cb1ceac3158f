//! Real endpoints on loopback: who is let in, who is not, and what survives.
