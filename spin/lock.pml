/* The lock rule of docs/protocol/consensus.md for four voters of equal weight, one of them hostile: two heights,
 * three views, two blocks a height.
 *
 * What is left out makes more runs possible, never fewer: a fresh proposal of either block reaches any node in any
 * view (the proposer may be the hostile one), timeouts fire at any time, a message is delivered when its reader looks
 * for it or never, and the hostile voter has voted for everything everywhere. A crash loses nothing that is durable,
 * so it is no step of its own.
 *
 * Planted bugs, each of which spin must refute (spin/run.sh):
 *   NO_LOCK     a node prevotes whatever is proposed
 *   AMNESIA     a crash between precommit and decision loses the lock
 *   LOW_QUORUM  two thirds rounded down: Q = 2 of 4
 *   STALE_POL   a re-proposal counts without its quorum of prevotes
 */
#define HONEST 3
#define HEIGHTS 2
#define VIEWS 3
#define NONE 7

#ifdef LOW_QUORUM
#define QUORUM 2
#else
#define QUORUM 3
#endif

/* Honest voters for a block, a bit each, by (height, view, block). */
byte prevotes[HEIGHTS * VIEWS * 2];
byte precommits[HEIGHTS * VIEWS * 2];
/* Honest nodes that still decide a height. */
byte present[HEIGHTS];
/* Whether anybody has voted at a height. */
bit named[HEIGHTS];

#define AT(h, v, b) (((h) * VIEWS + (v)) * 2 + (b))
/* Heights share nothing but the order in which a node passes through them, so their steps commute: it is enough to look
 * at runs in which the second height begins when everybody has left the first. */
#define HERE (height < HEIGHTS && (height == 0 || present[height - 1] == 0))
#define COUNT(m) (((m) & 1) + (((m) >> 1) & 1) + (((m) >> 2) & 1))
#define REACHED(m) (COUNT(m) + 1 >= QUORUM)
#define IN(h, v, b) REACHED(precommits[AT(h, v, b)])
#define DECIDED(h, b) (IN(h, 0, b) || IN(h, 1, b) || IN(h, 2, b))

proctype Node(byte me) {
    byte height = 0, view = 0, step = 0;
    byte lockedView = NONE, lockedBlock = NONE;
    byte block, pol;

end:
    do
    :: atomic {
        HERE && step == 0 ->
        if
        :: block = 0
        :: /* names are arbitrary: the first block that anybody votes for is block 0 */
           named[height] -> block = 1
        fi;
        if
        :: /* line 22: a fresh proposal */
#ifdef NO_LOCK
           true ->
#else
           lockedView == NONE || lockedBlock == block ->
#endif
           step = 1
        :: /* line 28: a re-proposal with a quorum of prevotes at its valid view */
           view > 0 ->
           if
           :: pol = 0
           :: view > 1 -> pol = 1
           fi;
           if
#ifdef STALE_POL
           :: (lockedView == NONE || lockedView <= pol || lockedBlock == block) -> step = 1
#else
           :: REACHED(prevotes[AT(height, pol, block)]) && (lockedView == NONE || lockedView <= pol || lockedBlock == block) -> step = 1
#endif
           :: else
           fi
        fi;
        if
        :: step == 1 ->
           named[height] = 1;
           prevotes[AT(height, view, block)] = prevotes[AT(height, view, block)] | (1 << me)
        :: else
        fi;
        block = 0; pol = 0
       }
    :: atomic {
        /* line 36: lock, then precommit */
        HERE && step == 1 && REACHED(prevotes[AT(height, view, 0)]) ->
        lockedView = view; lockedBlock = 0; step = 2;
        precommits[AT(height, view, 0)] = precommits[AT(height, view, 0)] | (1 << me)
       }
    :: atomic {
        HERE && step == 1 && REACHED(prevotes[AT(height, view, 1)]) ->
        lockedView = view; lockedBlock = 1; step = 2;
        precommits[AT(height, view, 1)] = precommits[AT(height, view, 1)] | (1 << me)
       }
    :: atomic {
        /* lines 24, 30, 44, 55, 57, 61, 65: what is left of this view is nil, then the next view */
        HERE && view + 1 < VIEWS ->
        view++; step = 0;
#ifdef AMNESIA
        if
        :: lockedView = NONE; lockedBlock = NONE
        :: true
        fi
#endif
       }
    :: atomic {
        /* line 49: a quorum of precommits, in any view */
        HERE && (DECIDED(height, 0) || DECIDED(height, 1)) ->
        assert(!(DECIDED(height, 0) && DECIDED(height, 1)));
        present[height]--;
        if
        :: present[height] == 0 ->
           /* nobody looks at the votes of this height again */
           d_step {
               pol = 0;
               do
               :: pol < VIEWS * 2 ->
                  prevotes[height * VIEWS * 2 + pol] = 0;
                  precommits[height * VIEWS * 2 + pol] = 0;
                  pol++
               :: else -> break
               od;
               pol = 0
           }
        :: else
        fi;
        height++; view = 0; step = 0; lockedView = NONE; lockedBlock = NONE
       }
    od
}

init {
    atomic {
        present[0] = HONEST; present[1] = HONEST;
        run Node(0); run Node(1); run Node(2)
    }
}
