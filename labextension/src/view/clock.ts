const listeners = new Set<() => void>();
let timer = 0;

/** Be called about once a second while the page is seen, with one timer for all; the answer ends it. */
export function everySecond(listener: () => void): () => void {
  listeners.add(listener);
  if (!timer) {
    timer = window.setInterval(() => {
      if (!document.hidden) {
        listeners.forEach(each => each());
      }
    }, 1000);
  }
  return () => {
    listeners.delete(listener);
    if (!listeners.size) {
      window.clearInterval(timer);
      timer = 0;
    }
  };
}
