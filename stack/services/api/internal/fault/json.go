package fault

import "encoding/json"

// JSON is the fault in the contract's envelope.
func (f *Fault) JSON() []byte {
	type body struct {
		Code    string         `json:"code"`
		Message string         `json:"message"`
		Details map[string]any `json:"details,omitempty"`
	}
	text, err := json.Marshal(map[string]body{"error": {f.Code, f.Message, f.Details}})
	if err != nil {
		return []byte(`{"error":{"code":"INTERNAL_ERROR","message":"Something went wrong here; it is in the log"}}`)
	}
	return text
}
