import Simulator

await SimulatorProgram.run()
