import C from "./c";
export default function Page() { return <C/>; }
