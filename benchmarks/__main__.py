import sys

from benchmarks import mic, ssim

(mic if sys.argv[1:2] == ["mic"] else ssim).main()
