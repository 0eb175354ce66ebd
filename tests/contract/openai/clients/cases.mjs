// Runs the cases of a client: a line of JSON for each, with what went wrong.

export async function runAll(cases) {
  for (const [name, run] of Object.entries(cases)) {
    let why = "";
    try {
      await run();
    } catch (error) {
      why = String(error).slice(0, 500);
    }
    console.log(JSON.stringify({ case: name, why }));
  }
}
