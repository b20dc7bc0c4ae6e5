package accounttest

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// AWS serves EC2, STS and Service Quotas.
func (w *World) AWS() http.Handler {
	return w.locked(func(rw http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			http.Error(rw, err.Error(), http.StatusBadRequest)
			return
		}
		action := r.Form.Get("Action")
		if action == "GetCallerIdentity" {
			fmt.Fprintf(rw, `<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::%s:user/ann</Arn><Account>%s</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`, w.Account, w.Account)
			return
		}
		at := signedRegion(r)
		if _, of, ok := strings.Cut(r.Header.Get("X-Amz-Target"), "."); ok {
			w.serviceQuotas(rw, r, of, at)
			return
		}
		denied := w.refuses(at, action)
		switch {
		case w.throttles():
			awsError(rw, http.StatusServiceUnavailable, "RequestLimitExceeded", "Request limit exceeded.")
		case slices.Contains(w.Silent, at):
			awsError(rw, http.StatusBadRequest, "Unavailable", "The region is closed for repairs.")
		case denied:
			awsError(rw, http.StatusForbidden, "UnauthorizedOperation", "You are not authorized to perform this operation.")
		case r.Form.Get("DryRun") == "true":
			awsError(rw, http.StatusPreconditionFailed, "DryRunOperation", "Request would have succeeded, but DryRun flag is set.")
		case strings.HasPrefix(action, "Describe"):
			w.describe(rw, r, action, at)
		default:
			w.change(rw, r, action)
		}
	})
}

// signedRegion is the region that a request is signed for.
func signedRegion(r *http.Request) string {
	_, credential, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	if parts := strings.Split(credential, "/"); len(parts) > 2 {
		return parts[2]
	}
	return ""
}

func awsError(rw http.ResponseWriter, status int, code, message string) {
	rw.WriteHeader(status)
	fmt.Fprintf(rw, `<Response><Errors><Error><Code>%s</Code><Message>%s</Message></Error></Errors><RequestID>r</RequestID></Response>`, code, message)
}

func (w *World) describe(rw http.ResponseWriter, r *http.Request, action, at string) {
	var items []string
	var set string
	switch action {
	case "DescribeRegions":
		set = "regionInfo"
		for _, name := range w.Regions {
			items = append(items, "<regionName>"+name+"</regionName>")
		}
		answer(rw, action, set, items, "")
		return
	case "DescribeTags":
		set = "tagSet"
		for _, t := range w.in(at) {
			for key, value := range t.Tags {
				if has(r, key) {
					items = append(items, fmt.Sprintf("<resourceId>%s</resourceId><resourceType>%s</resourceType><key>%s</key><value>%s</value>", t.ID, t.Kind, key, escape(value)))
				}
			}
		}
		slices.Sort(items) // the order has to be the same for every page
	case "DescribeInstances":
		set = "reservationSet"
		for _, t := range w.in(at) {
			if t.Kind != "instance" || r.Form.Get("InstanceId.1") != "" && r.Form.Get("InstanceId.1") != t.ID ||
				r.Form.Get("Filter.1.Name") == "instance-state-name" && !has(r, t.State) {
				continue
			}
			lifecycle := ""
			if t.Spot {
				lifecycle = "<instanceLifecycle>spot</instanceLifecycle>"
			}
			items = append(items, fmt.Sprintf("<instancesSet><item><instanceId>%s</instanceId><instanceState><name>%s</name></instanceState><instanceType>%s</instanceType><launchTime>%s</launchTime>"+
				"<cpuOptions><coreCount>%d</coreCount><threadsPerCore>2</threadsPerCore></cpuOptions>%s</item></instancesSet>",
				t.ID, w.stateOf(t), t.Machine, t.Created.Format(time.RFC3339), t.Cores, lifecycle))
		}
	case "DescribeSecurityGroups":
		set = "securityGroupInfo"
		for _, t := range w.in(at) {
			if t.Kind == "security-group" {
				items = append(items, fmt.Sprintf("<groupId>%s</groupId><groupName>%s</groupName>", t.ID, t.Name))
			}
		}
	case "DescribeImages":
		set, items = "imagesSet", []string{"<imageId>ami-0123456789abcdef0</imageId>"}
	case "DescribeAvailabilityZones", "DescribeInstanceTypeOfferings", "DescribeVpcs":
		set, items = w.describeRoom(r, action, at)
	case "DescribeInternetGateways":
		set = "internetGatewaySet"
		if r.Form.Get("InternetGatewayId.1") == "" {
			items = w.named(at, "internet-gateway", "internetGatewayId")
		} else if t := w.find(r.Form.Get("InternetGatewayId.1")); t != nil {
			attached := ""
			if t.State == "attached" {
				attached = "<item><vpcId>vpc-1</vpcId></item>"
			}
			items = []string{fmt.Sprintf("<internetGatewayId>%s</internetGatewayId><attachmentSet>%s</attachmentSet>", t.ID, attached)}
		}
	}
	page, next := paged(items, r.Form.Get("NextToken"))
	answer(rw, action, set, page, next)
}

func has(r *http.Request, key string) bool {
	for name, values := range r.Form {
		if strings.HasPrefix(name, "Filter.1.Value.") && slices.Contains(values, key) {
			return true
		}
	}
	return false
}

func answer(rw http.ResponseWriter, action, set string, items []string, next string) {
	var body strings.Builder
	for _, item := range items {
		body.WriteString("<item>" + item + "</item>")
	}
	fmt.Fprintf(rw, "<%sResponse><%s>%s</%s><nextToken>%s</nextToken></%sResponse>", action, set, body.String(), set, next, action)
}

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a strings.Builder takes everything
	return b.String()
}

func (w *World) in(at string) []*Thing {
	var things []*Thing
	for _, t := range w.Things {
		if t.Region == at {
			things = append(things, t)
		}
	}
	return things
}

// stateOf is an instance's, which ends while it is looked at.
func (w *World) stateOf(t *Thing) string {
	left, ending := w.ending[t.ID]
	switch {
	case !ending:
		return t.State
	case left > 0:
		w.ending[t.ID]--
		return "shutting-down"
	}
	w.remove(t.ID)
	return "terminated"
}

// ids are the parameters that name what an action is for.
var ids = []string{"InstanceId.1", "GroupId", "SubnetId", "RouteTableId", "InternetGatewayId", "VpcEndpointId.1", "VolumeId", "PrefixListId", "VpcId"}

func (w *World) change(rw http.ResponseWriter, r *http.Request, action string) {
	var t *Thing
	for _, name := range ids {
		if id := r.Form.Get(name); id != "" {
			t = w.find(id)
			break
		}
	}
	switch {
	case t == nil:
		awsError(rw, http.StatusBadRequest, "InvalidThing.NotFound", "It does not exist.")
		return
	case action == "TerminateInstances":
		w.ending[t.ID] = w.Lingers
	case action == "DetachInternetGateway":
		t.State = ""
	case w.holder(t) != "", t.State == "attached":
		awsError(rw, http.StatusBadRequest, "DependencyViolation", t.ID+" has a dependent object "+w.holder(t))
		return
	default:
		w.remove(t.ID)
	}
	fmt.Fprintf(rw, "<%sResponse><return>true</return></%sResponse>", action, action)
}
