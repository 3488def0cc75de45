"""Speed and memory of the metrics beside other libraries: `make bench`, or `python -m benchmarks [mic]`."""
