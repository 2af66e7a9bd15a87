"""How well do the tests find bugs? Plants them one by one, and counts those that no test finds.

    make mutants SAMPLE=500 SEED=1
    make mutants MUTANTS="reps_ledger.domain.time.*"
    make mutants SECONDS=5
    make mutants AGAIN=1

mutmut makes the mutants: copies of every function of the domain and the policies, each with one
small change, and a switch that chooses one. This runs them. The tests are collected once, run
once without a mutant (which tells what each covers), and then a process is forked for each
mutant, which runs the tests that cover it until one fails: first those that found others of the
same function, then those that are quick and call little else. With ``SECONDS`` only as many of
them as take that long, which soon tells the few that want a closer look: ``AGAIN`` tries what was
not found, and what is new.

What ran when modules were imported is beyond that switch. So mutants of functions that were
called then, and that no test found, are tried again in a process of their own, by all tests.
"""
