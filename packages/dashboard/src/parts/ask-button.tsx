import { HoldfastError } from '@holdfast/contract/errors.ts';
import { useRef, useState } from 'react';

/** A button that says what it will do and asks before it does it. */
export interface AskProps {
  readonly label: string;
  readonly question: string;
  readonly tone?: 'plain' | 'primary' | 'danger';
  readonly disabled?: boolean;
  readonly act: () => Promise<unknown>;
}

export function AskButton({ label, question, tone = 'plain', disabled, act }: AskProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const perform = async () => {
    setBusy(true);
    try {
      await act();
      dialog.current?.close();
    } catch (error) {
      setProblem(error instanceof HoldfastError ? error.message : String(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <button
        type="button"
        className={`button ${tone}`}
        disabled={disabled}
        onClick={() => {
          setProblem(null);
          dialog.current?.showModal();
        }}
      >
        {label}
      </button>
      <dialog ref={dialog} className="ask">
        <p>{question}</p>
        {problem && <p className="problem">{problem}</p>}
        <div className="row end">
          <button type="button" className="button plain" onClick={() => dialog.current?.close()}>
            Not now
          </button>
          <button
            type="button"
            className={`button ${tone === 'plain' ? 'primary' : tone}`}
            disabled={busy}
            onClick={() => void perform()}
          >
            {label}
          </button>
        </div>
      </dialog>
    </>
  );
}
