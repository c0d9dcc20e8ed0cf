import Placer

// estiba-placer: puts one file in its place as a user. Request on stdin, bytes on descriptor 3, answer on stdout.
Placer.main()
