"""The machine and the process on it: cores and limits, its processor, signals, torchrun, and measurements that are kept."""
