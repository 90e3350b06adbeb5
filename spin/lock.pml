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
/* Blocks that somebody decided, a bit each, by height. */
byte decided[HEIGHTS];

#define AT(h, v, b) (((h) * VIEWS + (v)) * 2 + (b))
#define COUNT(m) (((m) & 1) + (((m) >> 1) & 1) + (((m) >> 2) & 1))
#define REACHED(m) (COUNT(m) + 1 >= QUORUM)

proctype Node(byte me) {
    byte height = 0, view = 0, step = 0;
    byte lockedView = NONE, lockedBlock = NONE;
    byte block, pol;

end:
    do
    :: atomic {
        height < HEIGHTS && step == 0 ->
        if
        :: block = 0
        :: block = 1
        fi;
        if
        :: /* line 22: a fresh proposal */
#ifdef NO_LOCK
           true ->
#else
           lockedView == NONE || lockedBlock == block ->
#endif
           prevotes[AT(height, view, block)] = prevotes[AT(height, view, block)] | (1 << me)
        :: /* line 28: a re-proposal with a quorum of prevotes at its valid view */
           view > 0 ->
           if
           :: pol = 0
           :: view > 1 -> pol = 1
           fi;
           if
#ifdef STALE_POL
           :: (lockedView == NONE || lockedView <= pol || lockedBlock == block) ->
#else
           :: REACHED(prevotes[AT(height, pol, block)]) && (lockedView == NONE || lockedView <= pol || lockedBlock == block) ->
#endif
              prevotes[AT(height, view, block)] = prevotes[AT(height, view, block)] | (1 << me)
           :: else
           fi
        :: /* lines 24, 30, 57: nil */
           true
        fi;
        step = 1; block = 0; pol = 0
       }
    :: atomic {
        height < HEIGHTS && step == 1 ->
        if
        :: /* line 36: lock, then precommit */
           REACHED(prevotes[AT(height, view, 0)]) -> block = 0;
           lockedView = view; lockedBlock = 0;
           precommits[AT(height, view, 0)] = precommits[AT(height, view, 0)] | (1 << me)
        :: REACHED(prevotes[AT(height, view, 1)]) -> block = 1;
           lockedView = view; lockedBlock = 1;
           precommits[AT(height, view, 1)] = precommits[AT(height, view, 1)] | (1 << me)
        :: /* lines 44, 61: nil */
           true
        fi;
        step = 2; block = 0
       }
    :: atomic {
        /* lines 55, 65: the next view */
        height < HEIGHTS && step == 2 && view + 1 < VIEWS ->
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
        height < HEIGHTS ->
        pol = 0;
        do
        :: pol < VIEWS && REACHED(precommits[AT(height, pol, 0)]) -> block = 1; break
        :: pol < VIEWS && REACHED(precommits[AT(height, pol, 1)]) -> block = 2; break
        :: pol + 1 < VIEWS -> pol++
        :: pol + 1 >= VIEWS -> block = 0; break
        od;
        if
        :: block > 0 ->
           decided[height] = decided[height] | block;
           assert(decided[height] != 3);
           height++; view = 0; step = 0; lockedView = NONE; lockedBlock = NONE
        :: else
        fi;
        block = 0; pol = 0
       }
    od
}

init {
    atomic { run Node(0); run Node(1); run Node(2) }
}
