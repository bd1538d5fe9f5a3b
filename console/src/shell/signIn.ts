let leaving = false;

/** signIn leaves for the page of signing in, which leads back to the very address. */
export function signIn(): void {
  if (leaving) return; // many calls end with a session
  leaving = true;
  location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
}
