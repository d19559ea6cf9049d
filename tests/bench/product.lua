-- wrk script: POST /v1/resolutions, each time about somebody else, with that person's consent.
-- run.py fills in the two names below. The file has one line per subject: identifier, tab, consent.
local token = "@TOKEN@"
local people = {}
for line in io.lines("@PEOPLE@") do
  local id, consent = line:match("^(%S+)\t(%S+)$")
  people[#people + 1] = string.format(
    '{"form":{"id":"bench-forty","version":1},"case":"bench","subjects":{"applicant":' ..
    '{"kind":"person","id_type":"111","id_no":"%s"}},"actor":{"kind":"clerk","id":"bench"},"consent":"%s",' ..
    '"answers":{},"delivery":"values","patience_ms":3000}', id, consent)
end
math.randomseed(os.time())
wrk.method = "POST"
wrk.path = "/v1/resolutions"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer " .. token

function request()
  return wrk.format(nil, nil, nil, people[math.random(#people)])
end
