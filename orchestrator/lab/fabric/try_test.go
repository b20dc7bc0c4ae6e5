//go:build linux
package fabric
import ("testing";"net/netip";"os/exec";"time"
"github.com/skyctl/skyctl/orchestrator/lab/host"
"github.com/skyctl/skyctl/orchestrator/lab/shape")
func TestTry(t *testing.T){
 n:=shape.New(1)
 a:=n.AddRegion(); b:=n.AddRegion()
 l:=shape.Link{Delay:5*time.Millisecond}
 n.SetLink(a,b,l); n.SetLink(b,a,l)
 f,err:=New(n); if err!=nil{t.Fatal(err)}
 net:=netip.MustParsePrefix("198.19.240.0/20")
 for i,r:=range []shape.Region{a,b}{
  ad:=netip.AddrFrom4([4]byte{198,19,241+byte(i),1})
  name:=[]string{"labtry-a","labtry-b"}[i]
  host.Remove(name)
  h,err:=host.Open(name,ad,net); if err!=nil{t.Fatal(err)}
  defer host.Remove(name)
  f.Attach(n.AddHost(r,shape.Caps{}),ad,h.Device)
 }
 run:=func(c string){out,err:=exec.Command("sh","-c",c).CombinedOutput(); t.Logf("%s %v\n%s",c,err,out)}
 run("ip netns exec labtry-b iperf3 -s -D -1 ; sleep 0.3; ip netns exec labtry-a ping -i 0.02 -c 50 -q 198.19.242.1; ip netns exec labtry-a iperf3 -c 198.19.242.1 -t 3 | tail -4")
 f.Do(func(n *shape.Network){l.Rate=20e6; n.SetLink(a,b,l)})
 run("ip netns exec labtry-b iperf3 -s -D -1 ; sleep 0.3; ip netns exec labtry-a iperf3 -c 198.19.242.1 -t 3 | tail -4")
 run("ip netns exec labtry-b iperf3 -s -D -1 ; sleep 0.3; ip netns exec labtry-a iperf3 -u -b 400M -c 198.19.242.1 -t 3 | tail -4")
 t.Log(f.Close())
}
