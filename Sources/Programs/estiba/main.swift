import Commands

await CommandLineProgram.run()
