package func fixturePath(_ r: String) -> String { let p = #filePath.split(separator: "/").dropLast(2); return "/" + p.joined(separator: "/") + "/Fixtures/" + r }
