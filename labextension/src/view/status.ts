const OVER = ['Completed', 'Failed', 'Canceled'];
const WAITING = ['NotStarted', 'Queued'];

/** Whether nothing of the run will change any more. */
export function isOver(state: { status: string }): boolean {
  return OVER.includes(state.status);
}

/** The colour that a state has, as the last part of a class name. */
export function tone(status: string): 'good' | 'bad' | 'quiet' | 'waiting' | 'active' {
  switch (status) {
    case 'Completed':
      return 'good';
    case 'Failed':
      return 'bad';
    case 'Canceled':
      return 'quiet';
    default:
      return WAITING.includes(status) ? 'waiting' : 'active';
  }
}
