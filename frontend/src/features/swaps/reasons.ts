// Why a swap ended otherwise than it was to: the codes of the saga, of the approval and of the driver, as sentences with what to do next.
import type { Swap } from '@/lib/api';

const AGAIN = 'A resize is planned again by itself while it is needed; a workload whose move failed is moved for no bid in the next ten slots.';
const OPERATOR = 'That is the exchange’s doing: what was bought for it is credited, and who lent it is paid. Whoever operates the exchange finds why in its log.';
const ON_ITS_PAGE = ' on the swap’s page';
const SENTENCES: Record<string, string> = {
  // Of the saga.
  deadline: `A phase of it took longer than it may. ${AGAIN} If it happens again, look at which phase it was, and at how much the program writes.`,
  restarted: `The exchange was restarted in the middle of it; what was bought for it is credited. ${AGAIN}`,
  superseded: 'A newer plan for the same workload came before it was made: nothing was changed. Look at the workload’s newest swap.',
  vacated: 'It ended the workload, which held more memory than it was to have left, as its owner had chosen for that. Restart it to begin anew; other ways stand under “Giving memory back” on its page.',
  cancelled_by_operator: 'An operator stopped it. What was bought for it is credited; a bid for later slots plans it anew.',
  memory_in_use: 'Its program holds more memory than it was to have left, and kept it: that is paid for. Have the program give memory back in time, or choose another way under “Giving memory back” on its page.',
  // Of the approval.
  rejected_by_operator: 'An operator rejected it. What was bought for it is credited; the workload may be moved again in ten slots.',
  approval_expired: 'Nobody approved it while that would have helped. What was bought for it is credited; the next move is asked for anew.',
  // Of the shadow run.
  shadow_mismatch: `Its copy gave something else than the workload for the same inputs. What differs stands${ON_ITS_PAGE} under “Shadow run: same inputs, both places”, and what to do under “What this means, and what to do”.`,
  shadow_inconclusive: 'The shadow run had too few inputs to compare in its time. It is tried again for the next bid that needs it; a program that gets inputs oftener is compared sooner.',
  // Of the driver: its workload, or its program.
  guest_failed: 'Its program failed while it was changed. Look at the fault on the workload’s page, mend the program, and restart it.',
  module_refused: 'Its program is not taken by the node. Upload one that the API accepts, and register the workload again with it.',
  below_minimum: 'Its program begins with more memory than it was to have. Set its floor and baseline to at least that much.',
  wrong_state: `The workload was stopped or restarted, or was being changed already, when a step of it was due. See on its page whether it runs. ${AGAIN}`,
  unknown_instance: 'The workload was no longer on its node when a step of it was due: it was stopped, or moved before. Look at its page.',
  service_level_worse: `It answered worse where it moved to than before, so it went back at once and serves on where it was. What was bought for it is credited; the counts stand in its phases${ON_ITS_PAGE}. ${AGAIN}`,
  no_room: 'The target had not enough room when it was due: others had not given theirs back in time. What was bought is credited; bid for later slots, or let another pool stand in.',
  snapshot_not_there: `The copy of its state was not on the target when it was to start there: an earlier step had been given up. ${AGAIN}`,
  stale_epoch: 'A newer change of the same workload had begun meanwhile, so that this one may do no more. Look at the workload’s newest swap.',
  epoch_ahead: `A node had not heard of this change when it was to act on it, so it did nothing. ${AGAIN}`,
  epoch_not_newer: `Another change of the same workload had been announced before with the same number, so this one did nothing. ${AGAIN}`,
  // Of the driver: nodes, and the exchange itself.
  agent_silent: `The agent of its host did not answer. ${OPERATOR}`,
  host_unreachable: `The host that it was to move to could not take it, or was not reached. ${OPERATOR}`,
  node_down: `A node of it went down, or could not be reached. ${OPERATOR}`,
  io: `A file of it could not be written or read. ${OPERATOR}`,
  engine: `The engine that runs programs failed. ${OPERATOR}`,
  command_unavailable: `The program that it runs is not on the node. ${OPERATOR}`,
  resize_deferred: `Its node had no room for the resize, and does it once there is some. ${OPERATOR}`,
  resize_infeasible: `Its node can never give it so much. ${OPERATOR}`,
  resize_unfinished: `The kubelet of its node did not end the resize in time. ${OPERATOR}`,
  permission_missing: `The cluster does not let the agent of its node do this. ${OPERATOR}`,
  cluster_away: `The cluster that runs it did not answer. ${OPERATOR}`,
  cluster_refused: `The cluster that runs it refused the change. ${OPERATOR}`,
  corrupt: `A copy of its state arrived damaged, and was not used. ${OPERATOR}`,
  unknown_node: `A node of it is not known to what runs the workloads. ${OPERATOR}`,
  unknown_program: `Its program was not on the node that was to run it. ${OPERATOR}`,
  too_many_snapshots: `Too many copies of its state are kept from earlier moves. ${OPERATOR}`,
  key_reused: `A step of it had been done before with another request. ${OPERATOR}`,
  no_checkpoint: `There was no checkpoint of it to start from. ${OPERATOR}`,
  unsupported: `What runs the workload can’t do this step. ${OPERATOR}`,
};
/** Codes that have a sentence; a test compares them with those of the server. */
export const KNOWN = Object.keys(SENTENCES);

/** A code of a later version reads as its own words. */
const wordsOf = (code: string): string => `${code.replaceAll('_', ' ').replace(/^./, (c) => c.toUpperCase())}.`;
export const reasonText = ({ reason }: Pick<Swap, 'reason'>): string => (reason ? (SENTENCES[reason] ?? wordsOf(reason)) : '');
/** The same on the swap’s own page, which does not point to itself. */
export const reasonHere = (swap: Pick<Swap, 'reason'>): string => reasonText(swap).replace(ON_ITS_PAGE, '');
