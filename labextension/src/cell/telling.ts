import type { IModel } from './comm_source';

/** Tell whoever runs the notebook (see `lab/run_output.ts`) that the view is there, and what to save in its place. */
export function tell(model: IModel, el: HTMLElement): () => void {
  let frame = 0;
  const drawn = () => {
    frame = el.isConnected ? 0 : requestAnimationFrame(drawn);
    if (!frame) {
      el.dispatchEvent(new CustomEvent('amltrain:drawn', { bubbles: true }));
    }
  };
  const trouble = document.createElement('p');
  trouble.setAttribute('role', 'status');
  const hear = (message: { kind: string; text: string }, buffers: DataView[]) => {
    if (message.kind === 'trouble') {
      trouble.textContent = message.text;
      el.prepend(trouble);
    } else if (message.kind === 'story') {
      const [html, text] = buffers.map(view => new TextDecoder().decode(view));
      el.dispatchEvent(new CustomEvent('amltrain:story', { bubbles: true, detail: { html, text } }));
    }
  };
  model.on('msg:custom', hear);
  drawn();
  return () => {
    cancelAnimationFrame(frame);
    model.off('msg:custom', hear);
  };
}
