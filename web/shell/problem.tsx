// What went wrong, in place; null shows nothing.

export function Problem({ error }: { readonly error: unknown }) {
  if (error === null || error === undefined) return null;
  return (
    <p class="problem" role="alert">
      {error instanceof Error ? error.message : typeof error === 'string' ? error : 'Something went wrong.'}
    </p>
  );
}
