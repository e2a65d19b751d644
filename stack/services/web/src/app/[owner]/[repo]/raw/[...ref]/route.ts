import { p } from "@/lib/api";
import { place, repository } from "@/lib/load";
import { pass, refused } from "@/lib/passing";

export async function GET(): Promise<Response> {
  try {
    const repo = await repository();
    const { ref, path } = await place(repo);
    return await pass(p`/repos/${repo.owner}/${repo.name}/raw`, { ref, path }, path);
  } catch (error) {
    return refused(error);
  }
}
