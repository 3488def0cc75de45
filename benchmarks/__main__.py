from benchmarks.ssim import main

main()
