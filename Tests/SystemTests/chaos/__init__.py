"""The chaos run: real processes, a seeded load, seeded faults, a history of it all, and a checker that says what was broken.

generator -> what is asked for and when; nemesis -> what is done to the parts and when; campaign -> both against an installation;
history -> what was asked and answered; ledger -> what the jobs themselves wrote; checker -> what is wrong with all that."""
