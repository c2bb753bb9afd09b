// What is asked of the studio, and told in place where it goes wrong. Knows no room.

/** Does the work; `tell` hears null at its beginning, and the error that ended it. Returns whether it was done. */
export async function asking(tell: (error: unknown) => void, work: () => Promise<unknown>): Promise<boolean> {
  tell(null);
  try {
    await work();
    return true;
  } catch (error) {
    tell(error);
    return false;
  }
}
